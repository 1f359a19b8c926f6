"""Fetches files: transfers that resume, addresses and redirects, partial files, archives; knows no weights."""
