"""What the views of exports share, and what a browser sent, brought into bounds."""
