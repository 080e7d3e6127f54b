# Users sign in to the hub itself with Gyazo. The page "JupyterHub" of the documentation explains the drawbacks.
with open("/etc/jupyterhub/gyazo_secret") as file:
    client_secret = file.read().strip()
c.JupyterHub.authenticator_class = "generic-oauth"
c.GenericOAuthenticator.client_id = "your client id"
c.GenericOAuthenticator.client_secret = client_secret
c.GenericOAuthenticator.oauth_callback_url = "https://hub.example.org/hub/oauth_callback"
c.GenericOAuthenticator.authorize_url = "https://api.gyazo.com/oauth/authorize"
c.GenericOAuthenticator.token_url = "https://api.gyazo.com/oauth/token"
c.GenericOAuthenticator.userdata_url = "https://api.gyazo.com/api/users/me"
c.GenericOAuthenticator.username_claim = lambda reply: f"gyazo-{reply['user']['uid']}"
c.GenericOAuthenticator.login_service = "Gyazo"
c.GenericOAuthenticator.allow_all = True
c.GenericOAuthenticator.enable_auth_state = True


def give_token(spawner, auth_state):
    if auth_state:
        spawner.environment["GYAZO_ACCESS_TOKEN"] = auth_state["access_token"]


c.Spawner.auth_state_hook = give_token
