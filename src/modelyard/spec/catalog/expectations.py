"""Checks of data by name: Great Expectations' for tables, our own for images. Name → arguments."""

IMAGE_EXPECTATIONS: dict[str, tuple[str, str]] = {
    "expect_images_to_be_readable": ("", "mostly"),
    "expect_image_count_to_be_between": ("", "max_value min_value"),
    "expect_image_size_to_be_between": ("", "max_height max_width min_height min_width mostly"),
    "expect_labels_to_be_valid_boxes": ("", "mostly"),
    "expect_class_count_to_be_between": ("", "max_value min_value"),
    "expect_no_duplicate_images": ("", ""),
}


def expectations(of: str) -> dict[str, tuple[str, str]]:
    """What can be expected of data of a type: table, images, or files (nothing)."""
    if of == "table":
        from modelyard.spec.catalog.gx_names import EXPECTATIONS

        return EXPECTATIONS
    return IMAGE_EXPECTATIONS if of == "images" else {}
