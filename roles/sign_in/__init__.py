"""How people sign in: django-allauth's pages, each with its access policy, and what Waybill adds."""
