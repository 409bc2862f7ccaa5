{{- define "authsvc.name" -}}
{{ .Release.Name | trunc 50 | trimSuffix "-" }}
{{- end }}

{{- define "authsvc.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "authsvc.labels" -}}
{{ include "authsvc.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end }}

{{- define "authsvc.container" -}}
image: "{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}"
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  runAsNonRoot: true
  capabilities: { drop: [ALL] }
env:
  - name: AUTHSVC_ISSUER
    value: {{ required "issuer is empty: give the public https address of the service" .Values.issuer | quote }}
  - name: AUTHSVC_DATABASE_URL
    valueFrom: { secretKeyRef: { name: {{ .Values.secret.name | quote }}, key: {{ .Values.secret.databaseUrlKey | quote }} } }
  - name: AUTHSVC_MASTER_KEY_FILE
    value: /keys/master.key
  - name: AUTHSVC_WORKERS
    value: {{ .Values.workers | quote }}
  {{- if .Values.metrics.enabled }}
  - name: AUTHSVC_OBSERVE__METRICS_HOST
    value: 0.0.0.0
  - name: AUTHSVC_OBSERVE__METRICS_PORT
    value: "9000"
  {{- end }}
  {{- with .Values.trustedProxies }}
  - name: AUTHSVC_HTTP__TRUSTED_PROXIES
    value: {{ toJson . | quote }}
  {{- end }}
  {{- with .Values.requestsPerMinute }}
  - name: AUTHSVC_HTTP__REQUESTS_PER_MINUTE
    value: {{ . | quote }}
  {{- end }}
  {{- with .Values.secret.redisUrlKey }}
  - name: AUTHSVC_REDIS_URL
    valueFrom: { secretKeyRef: { name: {{ $.Values.secret.name | quote }}, key: {{ . | quote }} } }
  {{- end }}
  {{- range $name, $value := .Values.settings }}
  - name: {{ $name }}
    value: {{ $value | quote }}
  {{- end }}
  {{- with .Values.secretSettings }}
  {{- toYaml . | nindent 2 }}
  {{- end }}
volumeMounts:
  - { name: keys, mountPath: /keys, readOnly: true }
  - { name: tmp, mountPath: /tmp }
{{- end }}
