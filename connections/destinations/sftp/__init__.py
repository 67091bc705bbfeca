"""The connection type SFTP."""
