"""The network: where Waybill connects to, where it is reached, how much of it one person takes."""
