"""Optional integrations, one file each; each imports its package inside the factory that needs it."""
