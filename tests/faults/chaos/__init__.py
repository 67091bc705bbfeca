"""Waybill under harm: a load, kills at random and at chosen points, and proofs from database and target."""
