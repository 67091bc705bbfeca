"""What an export is and may be, without HTTP."""
