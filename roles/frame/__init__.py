"""The frame around every page, also around those that say why a request was not answered."""
