"""Tests of pipeline/tariff."""
