"""Optional integrations, one file each: a file imports its third-party package inside its factory."""
