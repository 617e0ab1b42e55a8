"""The tables of scheduled reports."""

from sqlalchemy import Column, Double, Index, Integer, Table

from storage.model.report_run import RunStatus
from storage.sql.columns import PlainText, UtcDateTime, WordsText, enum_text
from storage.sql.schema import metadata

report_schedules = Table(
    "report_schedules",
    metadata,
    Column("key", PlainText, primary_key=True),
    Column("at", UtcDateTime, nullable=False),
)

report_runs = Table(
    "report_runs",
    metadata,
    Column("key", PlainText, primary_key=True),
    Column("words", PlainText, nullable=False),
    Column("to", WordsText, nullable=False),
    Column("due_at", UtcDateTime, nullable=False),
    Column("zone", PlainText, nullable=False),
    Column("not_before", Double, nullable=False),
    Column("status", enum_text(RunStatus), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("body", PlainText, nullable=False),
)

Index("ix_report_runs_due_at", report_runs.c.due_at)
