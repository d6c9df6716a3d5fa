"""Integrations with optional packages, one file for each; the factory imports its package."""
