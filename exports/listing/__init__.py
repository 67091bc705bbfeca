"""Data > Exports: the list, its rows, its updates, and the commands of its bar and menus."""
