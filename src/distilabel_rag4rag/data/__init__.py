"""Rows and passages from files, folders, the Hub and objects. No distilabel in here."""
