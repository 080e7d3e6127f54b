"""A service for JupyterHub: users sign in to Gyazo, and their servers do not have the client secret.

    python -m gyazo_nb.hub

An administrator registers one application with Gyazo. The service receives the redirect in the browser of a
hub user, and gives the code to the kernel of the same user. When this kernel exchanges the code, the service
adds the client secret. It runs beside the hub, never in a kernel.

Guarantees: it shares no code with the client. It stores no data: after a restart, the kernels send their open
sign-ins again. It holds an access token only while it passes the token to a kernel.

The modules:

    configuration  the settings from the environment; each is checked at the start
    sign_ins       the sign-ins that wait for their redirect, and the codes that came
    service        the routes: pages for browsers, an API for kernels
    gyazo          the token request, with the client secret
    log            log records without secrets
    __main__       starts the service, and ends it on SIGINT and SIGTERM
"""
