"""Data > Exports: the list, its rows, what has changed on it, and the commands of its bar and menus."""
