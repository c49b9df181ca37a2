"""What has been applied: records by address, runs, the lock, and the audit journal. SQLite, or PostgreSQL by URL."""

from modelyard.state.records import AppliedRecord, JournalCheck, JournalEntry, LockHolder, RunRecord
from modelyard.state.state import State

__all__ = ["AppliedRecord", "JournalCheck", "JournalEntry", "LockHolder", "RunRecord", "State"]
