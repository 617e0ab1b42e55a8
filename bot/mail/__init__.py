"""E-mail that comes in: a small SMTP server whose mails become alerts."""
