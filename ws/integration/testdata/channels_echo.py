"""An echo server with Django Channels under daphne. It takes the first subprotocol that is offered."""
from channels.generic.websocket import WebsocketConsumer
from channels.routing import ProtocolTypeRouter
from django.conf import settings

settings.configure(SECRET_KEY="for the test", ALLOWED_HOSTS=["*"])


class Echo(WebsocketConsumer):
    def connect(self):
        offered = self.scope["subprotocols"]
        self.accept(offered[0] if offered else None)

    def receive(self, text_data=None, bytes_data=None):
        self.send(text_data=text_data, bytes_data=bytes_data)


application = ProtocolTypeRouter({"websocket": Echo.as_asgi()})
