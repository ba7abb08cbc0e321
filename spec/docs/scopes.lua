-- The first needs a network.
return { {} }
