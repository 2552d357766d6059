"""What AWS's protocols ask: requests and replies on the wire, parameters, signatures."""
