"""What leaves this repository: wheels, releases, types for others, vendored copies."""
