"""The addresses of Settings > Permissions."""

from django.urls import path

from roles.people.views import adding, changing, groups, invitations, listing

app_name = "people"

urlpatterns = [
    path("", listing.list_page, name="list"),
    path("roles", listing.roles_page, name="roles"),
    path("add", adding.add, name="add"),
    path("change", changing.change, name="change"),
    path("remove", changing.remove, name="remove"),
    path("<int:pk>", changing.edit, name="edit"),
    path("invitations", invitations.list_page, name="invitations"),
    path("invitations/<int:pk>/renew", invitations.renew, name="renew"),
    path("invitations/<int:pk>/withdraw", invitations.withdraw, name="withdraw"),
    path("groups", groups.list_page, name="groups"),
    path("groups/add", groups.add, name="add_group"),
    path("groups/<int:pk>", groups.edit, name="edit_group"),
    path("groups/<int:pk>/remove", groups.remove, name="remove_group"),
]
