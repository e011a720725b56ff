"""Bridges to optional packages, built on the public API only.

Each module is of one package, which is imported when one of its functions is called.
"""
