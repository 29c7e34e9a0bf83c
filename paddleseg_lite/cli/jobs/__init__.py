"""What each command does once its flags are read: other rooms plus folders, files, tables and exit status."""
