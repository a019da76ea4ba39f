"""What frames cannot tell: sites, stations, tokens, tariffs, exclusions, kept by the operator in YAML files."""
