-----BEGIN PGP SIGNATURE-----

!!!!
-----END PGP SIGNATURE-----
