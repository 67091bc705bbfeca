"""Alerts: whom Waybill tells when something goes wrong and when it ends."""
