"""Files → scenes and volumes. ``open_source`` looks at a file's first bytes, never at its name alone."""
