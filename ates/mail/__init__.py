"""Mails to popugs: what they say, and how they reach the mail server."""
