"""The JupyterHub service: its users sign in to Gyazo without the client secret in any server.

    python -m gyazo_nb.hub

An administrator registers one application with Gyazo. The service catches the redirect in the browser of a
hub user, hands its result to the kernel of the same user, and adds the client secret when that kernel
exchanges the code. It runs beside the hub, never in a kernel.

Guarantees: it shares no code with the client. It stores nothing: a service that is restarted learns from
the kernels which sign-ins wait. It holds no access token, except while it passes one to a kernel.

The modules:

    configuration  the settings from the environment; each is checked at the start
    sign_ins       the sign-ins that wait for their redirect, and the codes that came
    service        the routes: pages for browsers, an API for kernels
    gyazo          the token request, with the client secret
    log            log records without secrets
    __main__       starts the service, and ends it on SIGINT and SIGTERM
"""
