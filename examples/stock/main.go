// Stock keeps the shelves: it reserves what another service asks for. It knows authsvc by its address alone and checks
// tokens with the usual library of Go, coreos/go-oidc.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
)

const audience = "https://stock.example"
const scope = "stock:reserve"

type claims map[string]any

func main() {
	provider, err := oidc.NewProvider(context.Background(), os.Getenv("ISSUER"))
	if err != nil {
		log.Fatalf("the issuer's metadata cannot be read: %v", err)
	}
	verifier := provider.Verifier(&oidc.Config{
		ClientID:             audience, // go-oidc's word for the expected audience
		SupportedSigningAlgs: []string{oidc.ES256},
	})
	http.HandleFunc("POST /reservations", func(answer http.ResponseWriter, request *http.Request) {
		seen, status := authorize(request, verifier)
		if status != http.StatusOK {
			answer.Header().Set("WWW-Authenticate", "Bearer")
			http.Error(answer, http.StatusText(status), status)
			return
		}
		answer.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(answer).Encode(map[string]any{"service": "stock", "did": "reserved", "token": seen})
	})
	server := &http.Server{Addr: os.Getenv("LISTEN"), ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(server.ListenAndServe())
}

// authorize returns the claims of a good access token that has the scope, or the status of the refusal.
func authorize(request *http.Request, verifier *oidc.IDTokenVerifier) (claims, int) {
	presented, found := strings.CutPrefix(request.Header.Get("Authorization"), "Bearer ")
	if !found {
		return nil, http.StatusUnauthorized
	}
	token, err := verifier.Verify(request.Context(), presented)
	if err != nil {
		log.Printf("refused: %v", err)
		return nil, http.StatusUnauthorized
	}
	var seen claims
	if err := token.Claims(&seen); err != nil {
		return nil, http.StatusUnauthorized
	}
	// An ID token has no client_id and no scope: only an access token passes.
	scopes, _ := seen["scope"].(string)
	if _, isAccessToken := seen["client_id"]; !isAccessToken || !slices.Contains(strings.Fields(scopes), scope) {
		return nil, http.StatusForbidden
	}
	return seen, http.StatusOK
}
