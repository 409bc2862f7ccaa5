"""What operators see: log lines (logging.py, secrets removed by redact.py) and metrics (metrics.py).

Owns the shape of a line, the list of secret names and shapes, and every metric name. It decides nothing and
knows neither requests nor storage: callers hand it plain values.
"""
