"""What each tool does once its flags are read: the engine plus folders, files, tables and exit status."""
