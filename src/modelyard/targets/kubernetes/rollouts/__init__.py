"""A new version of an endpoint, step by step: KServe splits the requests, the run of the pipeline says how."""
