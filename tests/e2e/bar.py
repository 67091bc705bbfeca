"""The command bar of a list."""


def command(page, name):
    """Return the command `name` of the bar; the menu that holds what does not fit is opened for it."""
    found = page.get_by_role("toolbar").get_by_role("button", name=name, exact=True)
    if not found.count():
        page.get_by_label("More commands").click()
    return found
