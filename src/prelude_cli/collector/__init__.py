"""The OpenTelemetry Collector: found, or built with Go, and our settings for it."""
