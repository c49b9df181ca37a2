"""The Docker engine and its Compose command: for the Compose target, and to build images for any."""
