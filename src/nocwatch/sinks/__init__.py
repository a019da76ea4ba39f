"""Where the watch's findings go besides its own store: InfluxDB (every point) and Prometheus (state as it stands)."""
