"""How an image says whose it is and what it holds: labels that whoever asks the engine reads."""

PREFIX = "dev.modelyard."
PROJECT = PREFIX + "project"
ROOT = PREFIX + "root"
ROLE = PREFIX + "role"
VERSION = PREFIX + "version"
