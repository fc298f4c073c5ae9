"""Label files of several tools: read, written, identified by content, and divided into train, val and test."""
