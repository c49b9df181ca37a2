"""What the libraries call things: engines and their parameters, metrics, checks. Tables only."""
