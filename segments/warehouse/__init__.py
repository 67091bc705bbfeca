"""All that reads customer data, and the member lists that are made of it."""
