"""What the page that removes a connection is told of its exports, and its commands on them."""
