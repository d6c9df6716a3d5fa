"""A chat page made with Streamlit. Needs streamlit.

streamlit run examples/streamlit_chat.py
streamlit run examples/streamlit_chat.py -- --base-url http://127.0.0.1:8080/v1 --model qwen3
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import streamlit as st
from connection import connected, options

from streamkit import Client, Message, TextDelta
from streamkit.testing import chat_stream
from streamkit.web import keep_alive

ANSWER = chat_stream("High tide ", "in Brest ", "is at 18:04.")


@st.cache_resource
def connection() -> tuple[AbstractContextManager[Client], Client]:
    """Return one client for all visitors, and the context that it lives in: as long as Streamlit's server."""
    context = connected(options(__doc__), ANSWER)
    return context, context.__enter__()


conversation = st.session_state.setdefault("conversation", [])
for message in conversation:
    with st.chat_message(message.role):
        st.write(message.text)

if prompt := st.chat_input("When is high tide in Brest?"):
    conversation.append(Message("user", prompt))
    with st.chat_message("user"):
        st.write(prompt)
    with st.chat_message("assistant"), connection()[1].stream(conversation) as stream:
        place, text = st.empty(), ""
        try:
            for event in keep_alive(stream, every=0.5):  # Streamlit's Stop acts when the script draws
                if isinstance(event, TextDelta):
                    text += event.text
                place.markdown(text)
        finally:
            conversation += [item for item in stream.partial.items if isinstance(item, Message)]
