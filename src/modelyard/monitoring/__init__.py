"""Watching what a server is sent: windows of predictions, drift checks, rules, reports."""
