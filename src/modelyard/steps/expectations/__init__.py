"""What must hold of data: Great Expectations for tables, checks of our own for images, and their report."""
