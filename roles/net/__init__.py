"""The network: what Waybill connects to, where it is reached, how much one person may take."""
