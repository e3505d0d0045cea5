"""One module for each screen; each has ``build``, called inside a page."""
