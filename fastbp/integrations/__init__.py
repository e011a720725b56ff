"""Bridges to optional packages, built on the public API only."""
